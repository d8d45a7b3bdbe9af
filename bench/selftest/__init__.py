"""The metrics held to what they claim: known corruptions of perfect views, and what each metric must answer."""
