"""All that needs a GPU, as one command for people who have one for minutes: `python -m bench.gpu_day`."""
