// Runs a job type of Flamenco against a stand-in for its functions and counts tasks and dependencies.
//
//     node tests/farm/flamenco.mjs JOB_TYPE.js N_TASKS

import { readFileSync } from "node:fs";
import assert from "node:assert/strict";

const [file, nTasks] = process.argv.slice(2);

class Task {
    constructor(name, type) {
        Object.assign(this, { name, type, commands: [], dependencies: [] });
    }
    addCommand(command) {
        this.commands.push(command);
    }
    addDependency(task) {
        this.dependencies.push(task);
    }
}

const author = {
    Task: (name, type) => new Task(name, type),
    Command: (name, parameters) => ({ name, parameters }),
};

const source = readFileSync(file, "utf8") + "\nreturn { JOB_TYPE, compileJob };";
const { JOB_TYPE, compileJob } = new Function("author", source)(author);

function compile(changes) {
    const settings = Object.fromEntries(JOB_TYPE.settings.map((setting) => [setting.key, setting.default]));
    const job = { settings: { ...settings, ...changes }, tasks: [], addTask(task) { this.tasks.push(task); } };
    compileJob(job);
    return job.tasks;
}

function chunksOf(task) {
    const { args } = task.commands[0].parameters;
    return args[args.indexOf("--chunks") + 1];
}

const tasks = compile({});
const mux = tasks.at(-1);
assert.equal(tasks.length, Number(nTasks) + 1);
assert.equal(mux.name, "mux");
assert.deepEqual(new Set(mux.dependencies), new Set(tasks.slice(0, -1)));
for (const task of tasks) {
    assert.equal(task.commands.length, 1);
    assert.equal(task.commands[0].name, "exec");
    assert.ok(task.commands[0].parameters.args.every((arg) => typeof arg === "string"));
}
const drawn = tasks.slice(0, -1).flatMap((task) => {
    const [first, last] = chunksOf(task).split("-").map(Number);
    return Array.from({ length: last - first + 1 }, (_, idx) => first + idx);
});
const [, last] = JOB_TYPE.settings.find((setting) => setting.key === "chunks").default.split("-").map(Number);
assert.deepEqual(drawn, Array.from({ length: last + 1 }, (_, idx) => idx));

const some = compile({ chunks: "0-4,7", chunks_per_task: 2 });
assert.deepEqual(some.slice(0, -1).map(chunksOf), ["0-1", "2-3", "4-4", "7-7"]);
for (const chunks of ["", "x", "3-1", "1-2-3"]) {
    assert.throws(() => compile({ chunks }), /chunks are numbers/, chunks);
}
assert.throws(() => compile({ chunks_per_task: 0 }));
console.log(`Flamenco: ${nTasks} tasks that draw, and one behind all of them`);
