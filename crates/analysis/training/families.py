"""All families of grooves, and how often each is drawn."""
import grooves
import tunes

FAMILIES = {
    grooves.eighth_ostinato: 4, grooves.slow_backbeat: 3, grooves.busy_backbeat: 4, grooves.metal: 4, grooves.punk: 3, grooves.blast: 2, grooves.drum_and_bass: 3,
    grooves.tresillo: 3, grooves.no_kick: 3, grooves.off_beat: 4, grooves.four_floor: 4, grooves.orchestra: 4, grooves.swing: 3, grooves.dub: 2, grooves.odd: 2,
    grooves.compound: 3, grooves.chiptune: 4, grooves.strummed: 3, grooves.half_time: 1, grooves.hip_hop: 2, tunes.ballad: 4, tunes.hymn: 2, tunes.sequence: 4,
    tunes.fast_rock: 4, tunes.fast_machine: 3, tunes.dance: 3, tunes.strings_alone: 3, tunes.breakbeat: 3,
}
GROOVES = {family.__name__: family for family in FAMILIES}
DRAWN = [family.__name__ for family, n in FAMILIES.items() for _ in range(n)]
