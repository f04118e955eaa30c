create table users (id int);
insert into users values (1);

---- create above / drop below ----

drop table users;
