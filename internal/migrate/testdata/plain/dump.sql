--
-- PostgreSQL database dump
--

\restrict aB3

-- Dumped from database version 18.6

SET statement_timeout = 0;
SELECT pg_catalog.set_config('search_path', '', false);

CREATE TABLE public.fruit (
    name text
);

COPY public.fruit (name) FROM stdin;
fig; \\restrict
-- +notatool
\N
\.


COPY public.nothing FROM stdin;
\.

SELECT pg_catalog.setval('public.s', 1, false);

--
-- PostgreSQL database dump complete
--

\unrestrict aB3

