# The public headers; sorted, one a line.
proainclude_HEADERS += \
	%D%/proa/defs.h \
	%D%/proa/proa.h \
	%D%/proa/version.h
