// Imported by what starts programs from within a test. A test process outlives a vitest that is ended from outside, and what
// it started would too. Its exit raises the event on which they all end.
process.once('disconnect', () => process.exit(1));
