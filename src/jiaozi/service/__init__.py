"""What every process needs and no party owns.

Logs, metrics, the HTTP server and its dispatcher, the FastAPI application that every party starts
from, problem documents. Knows the protocol and storage; what a request means is left to the
parties.
"""
