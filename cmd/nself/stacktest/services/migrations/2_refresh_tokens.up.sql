BEGIN;
CREATE TABLE auth.refresh_tokens (
  id uuid DEFAULT public.gen_random_uuid() PRIMARY KEY,
  user_id uuid NOT NULL REFERENCES auth.users ON UPDATE CASCADE ON DELETE CASCADE,
  expires_at timestamptz NOT NULL
);
COMMIT;
