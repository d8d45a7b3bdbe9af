"""FID_I's reference: ImageNet photographs of what the prompts name, chosen by CLIP and cut out on white."""
