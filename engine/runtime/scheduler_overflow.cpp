// What the scheduler does when a sequence that may drop text has filled its context.
#include "engine/runtime/overflow.h"
#include "engine/runtime/scheduler.h"
#include "engine/runtime/sequence_output.h"

#include <algorithm>

namespace engine {

/// Drops tokens as the policy says; what stands behind the cut has new positions and is computed
/// again. A reproducible request computes all of it again: its chunks begin at the beginning.
void Scheduler::dropFromContext(Sequence& sequence) {
    const Cut cut = chooseCut(sequence);
    const std::uint32_t count = cut.end - cut.begin;
    const auto begin = sequence.tokens.begin() + cut.begin;
    sequence.tokens.erase(begin, begin + count);
    if (sequence.promptTokens > cut.begin)
        sequence.promptTokens -= std::min(count, sequence.promptTokens - cut.begin);
    const bool reproducible = sequence.request.reproducible;
    const std::uint32_t valid = reproducible ? 0 : std::min(cut.begin, sequence.computed);
    const std::uint32_t fullPages = valid / kPageTokens;
    sequence.hashes.resize(std::min<std::size_t>(sequence.hashes.size(), cut.begin / kPageTokens));
    m_cache.truncate(sequence.pages, pagesFor(valid));
    sequence.keptPages = std::min(sequence.keptPages, fullPages);
    sequence.computed = valid;
    dropSaved(sequence); // it may have given way while its last token was in flight
    sequence.beginTurn();
    sequence.chunkedTokens = static_cast<std::uint32_t>(sequence.tokens.size());
    sequence.timings.droppedTokens += count;
    m_totals.droppedTokensTotal += count;
    sendDropped(sequence, count);
}

} // namespace engine
