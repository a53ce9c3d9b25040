"""The generated contracts: JSON Schemas, AsyncAPI and OpenAPI, made from the code."""
