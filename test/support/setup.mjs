// Makes a fresh machine ready: the package's dependencies, the build, and the Debian packages that are named.
// It runs before anything is installed, hence plain JavaScript on Node.js alone.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** The Debian packages that hold the programs. */
const PACKAGES = {
  prosody: "prosody",
  ejabberdctl: "ejabberd",
  "redis-server": "redis-server",
  chromium: "chromium",
};

/** Libraries are known by their folders. */
const LIBRARIES = {
  "python3-slixmpp": "/usr/lib/python3/dist-packages/slixmpp",
  "python3-aioxmpp": "/usr/lib/python3/dist-packages/aioxmpp",
};

/** Ends the program with one line that says what is missing. */
function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, {
    stdio: ["inherit", "ignore", "inherit"],
    cwd: ROOT,
    ...options,
  });
  return error === undefined && status === 0;
}

function isProgram(name) {
  if (name in LIBRARIES) return existsSync(LIBRARIES[name]);
  // The tests take that one, and tell where it is missing.
  if (name === "chromium" && process.env.CHROMIUM) return true;
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/sbin"];
  return folders.some((folder) => folder !== "" && existsSync(join(folder, name)));
}

/** Installs what package-lock.json names, where that is not there yet, and builds the package. */
export function preparePackage() {
  const needed = readFileSync(join(ROOT, "package.json"), "utf8").match(/"node": ">=(\d+)\.(\d+)/);
  const [major, minor] = process.versions.node.split(".").map(Number);
  const [, wantMajor, wantMinor] = needed.map(Number);
  if (major < wantMajor || (major === wantMajor && minor < wantMinor)) {
    fail(
      `Node.js ${wantMajor}.${wantMinor} or newer is needed; this is ${process.versions.node}: https://nodejs.org`,
    );
  }
  const installed = join(ROOT, "node_modules/.package-lock.json");
  const lock = join(ROOT, "package-lock.json");
  if (!existsSync(installed) || statSync(installed).mtimeMs < statSync(lock).mtimeMs) {
    process.stderr.write("Installing the npm packages …\n");
    if (!run("npm", ["ci", "--no-audit", "--no-fund"])) fail("npm ci failed: see above");
  }
  if (!run("npm", ["run", "--silent", "build"], { stdio: "inherit" })) fail("the build failed: see above");
}

/** Installs the Debian packages of those programs that are missing, as root or with sudo. */
export function installPrograms(programs) {
  const missing = programs
    .filter((program) => !isProgram(program))
    .map((program) => PACKAGES[program] ?? program);
  if (missing.length === 0) return;
  const how = `install ${missing.join(", ")} and run this again`;
  if (!isProgram("apt-get")) fail(`Missing: ${missing.join(", ")}. This is no Debian or Ubuntu: ${how}.`);
  const sudo = asRoot();
  if (sudo === undefined)
    fail(`Missing: ${missing.join(", ")}. Run: sudo apt-get install ${missing.join(" ")}`);
  process.stderr.write(`Installing ${missing.join(", ")} with apt-get …\n`);
  const [command, ...prefix] = [...sudo, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"];
  withoutStartingServices(sudo, () => {
    run(command, [...prefix, "update"]);
    if (!run(command, [...prefix, "install", "-y", "--no-install-recommends", ...missing])) {
      fail(`apt-get failed: ${how}.`);
    }
  });
}

function asRoot() {
  if (process.getuid?.() === 0) return [];
  if (!isProgram("sudo")) return undefined;
  if (run("sudo", ["-n", "true"], { stdio: "ignore" })) return ["sudo", "-n"];
  return process.stdin.isTTY ? ["sudo"] : undefined;
}

/** Keeps apt from starting what it installs: the servers of the tests and the demo are their own. */
function withoutStartingServices(sudo, install) {
  const policy = "/usr/sbin/policy-rc.d";
  if (existsSync(policy)) return install();
  const content = "#!/bin/sh\nexit 101\n";
  const [command, ...prefix] = [...sudo, "sh", "-c"];
  if (sudo.length === 0) writeFileSync(policy, content, { mode: 0o755 });
  else run(command, [...prefix, `printf '${content}' > ${policy} && chmod 755 ${policy}`]);
  const remove = () => {
    if (sudo.length === 0) rmSync(policy, { force: true });
    else run(command, [...prefix, `rm -f ${policy}`]);
  };
  process.once("exit", remove);
  install();
  process.removeListener("exit", remove);
  remove();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  preparePackage();
  installPrograms(process.argv.slice(2));
}
