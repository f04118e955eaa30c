/* stat is built on statx alone: there is no struct kstat. */
