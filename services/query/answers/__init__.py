"""What the API answers, as models: they document the answers, and tests hold the answers to them.

Points and money are whole numbers, instants are in UTC. The hot answers are written from rows
directly (`reading`, `redemptions`), in the same form.
"""
