-- atlas:txmode none

-- Create index "by_name" to table: "fruit"
CREATE INDEX CONCURRENTLY "by_name" ON "public"."fruit" ("name");
