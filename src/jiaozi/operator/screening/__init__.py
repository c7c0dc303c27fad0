"""Screening: whom this operator may not serve, and who decides when a list names a customer.

Owns the port to a list, the list file behind it by default, and the cases that hits become, sealed.
A customer is told no more than that the operator does not do this; the compliance officer sees the
case, and clears it when the customer is somebody else of the same name.
"""
