DROP TABLE fruit;
