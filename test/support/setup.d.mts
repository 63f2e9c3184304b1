/** Installs what package-lock.json names, where that is not there yet, and builds the package. */
export function preparePackage(): void;
/** Installs the Debian packages of those programs that are missing; ends the process where it cannot. */
export function installPrograms(programs: readonly string[]): void;
