"""Events, with the decisions on them and the routes by which these were made."""
