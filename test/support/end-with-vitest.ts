// Imported by modules that start programs from a test. A test process outlives an interrupted vitest, and so would its
// programs. Its exit raises the event that ends them.
process.once('disconnect', () => process.exit(1));
