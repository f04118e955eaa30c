CREATE SCHEMA IF NOT EXISTS hdb_catalog;
CREATE OR REPLACE FUNCTION hdb_catalog.gen_hasura_uuid() RETURNS uuid LANGUAGE sql AS 'SELECT gen_random_uuid()';
CREATE TABLE IF NOT EXISTS hdb_catalog.hdb_version (hasura_uuid uuid PRIMARY KEY DEFAULT hdb_catalog.gen_hasura_uuid(), version text NOT NULL, upgraded_on timestamptz NOT NULL);
CREATE UNIQUE INDEX IF NOT EXISTS hdb_version_one_row ON hdb_catalog.hdb_version ((version IS NOT NULL));
INSERT INTO hdb_catalog.hdb_version (version, upgraded_on) VALUES ('48', now()) ON CONFLICT ((version IS NOT NULL)) DO UPDATE SET upgraded_on = now();
CREATE TABLE IF NOT EXISTS hdb_catalog.hdb_metadata (id integer PRIMARY KEY, metadata json NOT NULL, resource_version integer NOT NULL DEFAULT 1 UNIQUE);
INSERT INTO hdb_catalog.hdb_metadata (id, metadata) VALUES (1, '{}') ON CONFLICT DO NOTHING;
CREATE TABLE IF NOT EXISTS hdb_catalog.hdb_schema_notifications (id integer PRIMARY KEY CHECK (id = 1), notification json NOT NULL, resource_version integer NOT NULL DEFAULT 1, instance_id uuid NOT NULL, updated_at timestamptz DEFAULT now());
CREATE TABLE IF NOT EXISTS hdb_catalog.event_log (id text DEFAULT hdb_catalog.gen_hasura_uuid() PRIMARY KEY, payload jsonb NOT NULL, delivered boolean NOT NULL DEFAULT false, tries integer NOT NULL DEFAULT 0, created_at timestamptz DEFAULT now(), locked timestamptz);
CREATE INDEX IF NOT EXISTS event_log_fetch ON hdb_catalog.event_log (locked NULLS FIRST, created_at) WHERE NOT delivered;
CREATE TABLE IF NOT EXISTS public.posts (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, author text NOT NULL, text text NOT NULL);
CREATE OR REPLACE FUNCTION hdb_catalog.notify_posts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO hdb_catalog.event_log (payload)
  VALUES (jsonb_build_object('op', TG_OP, 'new', row_to_json(NEW), 'user', current_setting('hasura.user', 't')::json));
  RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER notify_posts AFTER INSERT ON public.posts FOR EACH ROW EXECUTE FUNCTION hdb_catalog.notify_posts();
