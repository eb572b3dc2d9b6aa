-- Assets: what an asset module brings, and what an application needs, as {"asset":[name,sha256],"required":[[name,sha256],…]}.
ALTER TABLE modules ADD COLUMN assets TEXT;
