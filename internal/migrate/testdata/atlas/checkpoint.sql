-- atlas:checkpoint v1

-- Create "users" table
CREATE TABLE "public"."users" ("id" integer NOT NULL);
-- atlas:nolint destructive
ALTER TABLE "public"."users" DROP COLUMN "id";
