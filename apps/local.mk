# Programs. Like any user's: public headers and libproa, nothing else.
#bin_PROGRAMS += %D%/proa-get
#%C%_proa_get_SOURCES  = %D%/proa-get.c
#%C%_proa_get_CPPFLAGS = $(APP_CPPFLAGS)
#%C%_proa_get_LDADD    = $(APP_LIBS)
