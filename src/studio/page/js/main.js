// Starts the page's parts. Each hangs on the store and on nothing else, so their order doesn't matter to them.

import * as events from "./events.js";
import * as keepSelection from "./keep-selection.js";
import * as keys from "./keys.js";
import * as laneNames from "./lane-names.js";
import * as film from "./panel/film.js";
import * as motion from "./panel/motion.js";
import * as prompts from "./panel/prompts.js";
import { renameChosen } from "./panel/sections.js";
import * as songPanel from "./panel/song.js";
import * as tabs from "./panel/tabs.js";
import * as player from "./player.js";
import * as session from "./session.js";
import * as stage from "./stage.js";
import * as pointer from "./timeline/pointer.js";
import * as timeline from "./timeline/timeline.js";
import * as topbar from "./topbar.js";
import * as transport from "./transport.js";
import * as welcome from "./welcome.js";

for (const part of [
  keepSelection,
  laneNames,
  timeline,
  tabs,
  prompts,
  songPanel,
  motion,
  film,
  player,
  stage,
  transport,
  topbar,
  keys,
  welcome,
  session,
])
  part.start();
pointer.start({ words: prompts.addPrompt, prompt: prompts.editChosen, section: renameChosen });
events.start();
