#ifndef UUID_UUID_H
#define UUID_UUID_H

/* The part of e2fsprogs' libuuid that contrib/uuid-ossp uses (uuid.c). */
typedef unsigned char uuid_t[16];

void uuid_generate(uuid_t out);
void uuid_generate_time(uuid_t out);
void uuid_generate_random(uuid_t out);
int uuid_parse(const char *in, uuid_t out);
void uuid_unparse(const uuid_t in, char out[37]);

#endif
