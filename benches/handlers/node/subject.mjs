// Runs a Node handler as the driver asks on standard input; the commands are those of `subject/src/lib.rs`.
//
// This folder is copied beside the installed packages, since Node looks for packages from a module's own place.

import fs from "node:fs";
import path from "node:path";
import readline from "node:readline";

import { handlers } from "./handlers.mjs";

const handle = await handlers[process.argv[2]]();
let events = new Map();

const commands = {
  load(folder) {
    const names = fs.readdirSync(folder).filter((name) => name.endsWith(".event")).sort();
    events = new Map(names.map((name) => [name, fs.readFileSync(path.join(folder, name))]));
    return `loaded ${events.size}`;
  },
  run(passes) {
    let size = 0;
    for (let pass = 0; pass < Number(passes); pass += 1) {
      for (const event of events.values()) size += handle(event).length;
    }
    return `ran ${size}`;
  },
  write(folder) {
    for (const [name, event] of events) fs.writeFileSync(path.join(folder, name), handle(event));
    return "written";
  },
};

for await (const line of readline.createInterface({ input: process.stdin })) {
  const space = line.indexOf(" ");
  console.log(commands[line.slice(0, space)](line.slice(space + 1)));
}
