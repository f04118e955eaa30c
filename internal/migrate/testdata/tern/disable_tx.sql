---- tern: disable-tx ----
create index concurrently i on users (id);
select '{1,2}';
---- create above / drop below ----
drop index i;
