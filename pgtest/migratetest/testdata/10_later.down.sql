ALTER TABLE fruit DROP kilos;
