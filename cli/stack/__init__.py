"""All of Tessera on one machine: the embedded servers, the services, and their host."""
