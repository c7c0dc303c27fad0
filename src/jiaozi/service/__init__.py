"""What every process needs and no party owns.

Settings, logs, metrics, the HTTP server, problem documents and HTTP message signatures
(RFC 9421). Knows the protocol and storage; what a request means is left to the parties.
"""
