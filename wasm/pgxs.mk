# In the place of PGXS, for an extension's source unpacked in contrib.
undefine PGXS
top_builddir = ../..
subdir = contrib/$(notdir $(CURDIR))
include $(top_builddir)/src/Makefile.global
include $(top_srcdir)/contrib/contrib-global.mk
