"""What `Realiz3DPipeline` is made of: text of both guidance branches, control inputs, noise, schedulers, loading."""
