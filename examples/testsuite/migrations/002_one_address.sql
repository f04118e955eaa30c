CREATE UNIQUE INDEX users_address_key ON users (lower(address));
