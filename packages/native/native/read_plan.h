// Which candidates must be read so that hardly any result is missed.
//
// A true distance is taken to be normal around what is known of it, with the deviation that its
// bounds imply; near them, where the answer is decided, that is what calibration measured. Reading
// stops when the results that can be expected to be missed are at most a stated share of those
// wanted. The plan keeps no state: it is asked again after each round trip, by what is known then.
#pragma once

#include <annulus/abi.h>

#include <cstddef>
#include <cstdint>

namespace annulus {

/// Which candidates are read.
enum class Rescore : uint32_t {
  all = 0,
  bounded = 1,    // those that may be results, and all results
  uncertain = 2,  // those of which it is uncertain whether they are results
};

struct ReadPlan {
  Rescore rescore = Rescore::all;
  size_t limit = 10;    // results wanted
  double loss = 0.001;  // expected share of the results that may be missed
};

/// Candidates in ascending order of their estimates.
struct KnownCandidates {
  size_t n;
  const float *estimates;
  const annulus_bound *bounds;
  const uint8_t *read;     // 1 where the true distance is known
  const float *distances;  // the best known: true where read, else `likely_distance`
};

/// Where a distance most likely lies: in the middle of its bounds.
float likely_distance(uint32_t metric, float estimate, annulus_bound bound);

/// Candidates to read next, by ascending index; none when enough are read.
///
/// `bounded` reads a prefix, at least `limit`. Before anything is read the last result is taken to
/// lie one deviation behind its estimate, so that a second round trip of the disk is seldom needed;
/// reading more only brings the last result nearer, so that there is no third.
///
/// `uncertain` reads of that prefix only what may lie on the other side of the cut between results
/// and others than where it seems to lie. Should the cut turn out to be so far away that candidates
/// behind the prefix come into question, it goes on as `bounded` does; so it never reads more.
/// @param next room for n.
/// @param scratch room for n.
size_t next_reads(const KnownCandidates &known, const ReadPlan &plan, uint32_t *next,
                  float *scratch);

}  // namespace annulus
