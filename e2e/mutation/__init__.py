"""Full samples made from the schema, and every change of one field of them (the method of Acto)."""
