/** The user's handler: the build replaces this name by the file of function/ (see build.json). */
declare module 'bantam:handler';
