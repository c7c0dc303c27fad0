"""The operator's HTTP API: one hot route for orders, thin handlers for everything else."""
