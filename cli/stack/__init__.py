"""All of Tessera on one machine: the embedded servers, the services, and how they are looked after."""
