BEGIN;
ALTER TABLE fruit ADD kilos numeric;
COMMIT;
