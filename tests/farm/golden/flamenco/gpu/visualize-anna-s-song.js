// A job type of Flamenco 3 that draws a film and makes it. Written by visualize farm, to be changed.
// Put it into the folder "scripts" beside the Flamenco Manager, which then offers it.

const JOB_TYPE = {
    label: "visualize-anna-s-song",
    description: "Draws a film's chunks on all workers, and makes the film of them",
    settings: [
        { key: "folder", type: "string", subtype: "dir_path", required: true, default: "/films/job 1",
          description: "The job's folder, as every worker sees it: it holds the timeline, and chunks and film come to lie in it" },
        { key: "timeline", type: "string", required: true, default: "Anna's song.json",
          description: "Name of the timeline in the folder" },
        { key: "film", type: "string", required: true, default: "Anna's song.mp4",
          description: "Name of the film in the folder" },
        { key: "song", type: "string", subtype: "file_path", required: true, default: "/music/Anna's \"song\".flac",
          description: "The song, as every worker sees it" },
        { key: "chunks", type: "string", required: true, default: "0-120",
          description: "Chunks to draw; what is left is printed by visualize farm status --missing" },
        { key: "chunks_per_task", type: "int32", required: true, default: 2,
          description: "Chunks that a task draws" },
        { key: "program", type: "string", required: true, default: "visualize",
          description: "visualize, or its path, on every worker" },
    ],
};

function compileJob(job) {
    const settings = job.settings;
    const timeline = settings.folder + "/" + settings.timeline;
    const mux = author.Task("mux", "misc");
    mux.addCommand(author.Command("exec", {
        exe: settings.program,
        args: ["mux", timeline, "--song", settings.song, "--out", settings.folder + "/" + settings.film, "--force"],
    }));
    for (const chunks of groups(settings.chunks, settings.chunks_per_task)) {
        const task = author.Task("render-" + chunks, "misc");
        task.addCommand(author.Command("exec", {
            exe: settings.program,
            args: ["render", timeline, "--chunks", chunks, "--require-version", "0.1.0-2",
                "--device", "gpu", "--threads", "8"],
        }));
        mux.addDependency(task);
        job.addTask(task);
    }
    job.addTask(mux);
}

// "0-4,7" in groups of 2: "0-1", "2-3", "4-4", "7-7". A group has no gap.
function groups(list, size) {
    const found = [];
    for (const part of list.split(",")) {
        const ends = /^ *(\d+) *(?:- *(\d+) *)?$/.exec(part);
        const last = ends && Number(ends[2] || ends[1]);
        if (!ends || !(size >= 1) || Number(ends[1]) > last) {
            throw new Error("chunks are numbers such as 7, 4-12 or 3,7-9, in groups of 1 or more: " + list);
        }
        for (let first = Number(ends[1]); first <= last; first += size) {
            found.push(first + "-" + Math.min(first + size - 1, last));
        }
    }
    return found;
}
