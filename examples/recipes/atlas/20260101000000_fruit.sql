-- Create "fruit" table
CREATE TABLE "public"."fruit" ("id" bigint NOT NULL GENERATED ALWAYS AS IDENTITY, "name" text NOT NULL, PRIMARY KEY ("id"));
