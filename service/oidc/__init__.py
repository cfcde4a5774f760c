"""OpenID Connect: logins at a provider, which names users and their groups."""
