"""The central bank's HTTP API: one hot route for orders, thin handlers for what may be read."""
