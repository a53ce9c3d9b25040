"""The demo: a year of real grocery purchases, played by an upstream system of its own.

Guarantees: a second run publishes the same events and asks for the same redemptions. It shares no
code with the services; like any retailer it knows the contract of a purchase and the HTTP API.
"""
