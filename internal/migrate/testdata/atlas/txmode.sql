-- atlas:txmode none
-- atlas:nolint

-- Create index "i" to table: "users"
CREATE INDEX CONCURRENTLY "i" ON "users" ("id");
