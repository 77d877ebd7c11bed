# ROWLOCK_CHECK_CFLAG(VARIABLE, FLAG)
# Append FLAG to VARIABLE when the compiler takes it, for compiling and linking, without a word of complaint.
AC_DEFUN([ROWLOCK_CHECK_CFLAG], [
  AS_VAR_PUSHDEF([cached], [rowlock_cv_cflag_$2])
  AC_CACHE_CHECK([whether $CC takes $2], [cached], [
    rowlock_saved_cflags=$CFLAGS
    CFLAGS="-Werror $2 $CFLAGS"
    AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])], [AS_VAR_SET([cached], [yes])], [AS_VAR_SET([cached], [no])])
    CFLAGS=$rowlock_saved_cflags
  ])
  AS_VAR_IF([cached], [yes], [AS_VAR_APPEND([$1], [" $2"])])
  AS_VAR_POPDEF([cached])
])

# ROWLOCK_CHECK_LDFLAG(VARIABLE, FLAG)
AC_DEFUN([ROWLOCK_CHECK_LDFLAG], [
  AS_VAR_PUSHDEF([cached], [rowlock_cv_ldflag_$2])
  AC_CACHE_CHECK([whether the linker takes $2], [cached], [
    rowlock_saved_ldflags=$LDFLAGS
    LDFLAGS="$2 $LDFLAGS"
    AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])], [AS_VAR_SET([cached], [yes])], [AS_VAR_SET([cached], [no])])
    LDFLAGS=$rowlock_saved_ldflags
  ])
  AS_VAR_IF([cached], [yes], [AS_VAR_APPEND([$1], [" $2"])])
  AS_VAR_POPDEF([cached])
])
