"""The sampler ``bayes``: a Bayesian law of all benchmarks together, and the chance of being the best."""
