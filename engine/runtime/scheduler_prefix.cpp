// What the scheduler does with the prefix cache: whose pages a sequence takes over, which of its
// own it leaves there.
#include "engine/runtime/scheduler.h"

#include <algorithm>
#include <span>

namespace engine {

namespace {

// Fewer agreeing tokens are not worth copying a page for.
constexpr std::uint32_t kLeastSimilarTokens = 8;

std::span<const TokenId> pageTokens(const Sequence& sequence, std::uint32_t page) {
    return std::span(sequence.tokens).subspan(std::size_t(page) * kPageTokens, kPageTokens);
}

} // namespace

/// The hashes of the first `pages` full pages.
void Scheduler::hashPages(Sequence& sequence, std::size_t pages) {
    if (sequence.root.id == 0)
        sequence.root = m_prefixes.root(sequence.request.client, sequence.request.reproducible);
    for (std::size_t page = sequence.hashes.size(); page < pages; ++page)
        sequence.hashes.push_back(
            hashPage(page == 0 ? sequence.root.hash : sequence.hashes[page - 1],
                     pageTokens(sequence, static_cast<std::uint32_t>(page))));
}

/// Takes over what is known of the next pages. The last token is always computed: its logits are
/// what the answer begins with.
void Scheduler::adoptPages(Sequence& sequence) {
    const std::uint32_t before = sequence.computed;
    if (!m_usesPrefixes)
        return;
    if (before % kPageTokens != 0 || sequence.pages.size() != pagesFor(before) ||
        sequence.keptPages != before / kPageTokens) // what it computed while the cache was off
        return;
    hashPages(sequence, sequence.tokens.size() / kPageTokens);
    if (sequence.request.reproducible) {
        while (adoptChunk(sequence))
            ;
        countCached(sequence, before);
        return;
    }
    const auto last = static_cast<std::uint32_t>(sequence.tokens.size()) - 1;
    while (sequence.computed < last && sequence.keptPages < sequence.hashes.size()) {
        const std::uint32_t index = sequence.keptPages;
        const PageId parent = index == 0 ? kPaddingPage : sequence.pages[index - 1];
        const PageId page = m_prefixes.find(sequence.root, parent, sequence.hashes[index],
                                            pageTokens(sequence, index));
        if (page == kPaddingPage)
            break;
        m_cache.share(page);
        sequence.pages.push_back(page);
        sequence.computed = std::min(last, (index + 1) * kPageTokens);
        if (sequence.computed % kPageTokens != 0)
            break; // the last token is computed into a copy of this page
        ++sequence.keptPages;
    }
    adoptSimilar(sequence);
    countCached(sequence, before);
}

/// Reproducible: pages are taken over chunk by chunk, as they were computed.
bool Scheduler::adoptChunk(Sequence& sequence) {
    const std::uint32_t chunkPages = m_reproducibleRows / kPageTokens;
    const std::uint32_t end = sequence.computed + m_reproducibleRows;
    if (m_reproducibleRows % kPageTokens != 0 || sequence.computed % m_reproducibleRows != 0 ||
        end > sequence.chunkedTokens || end >= sequence.tokens.size())
        return false;
    for (std::uint32_t i = 0; i < chunkPages; ++i) {
        const std::uint32_t index = sequence.keptPages;
        const PageId parent = index == 0 ? kPaddingPage : sequence.pages[index - 1];
        const PageId page = m_prefixes.find(sequence.root, parent, sequence.hashes[index],
                                            pageTokens(sequence, index));
        if (page == kPaddingPage) {
            sequence.keptPages = sequence.computed / kPageTokens;
            m_cache.truncate(sequence.pages, sequence.keptPages);
            return false;
        }
        m_cache.share(page);
        sequence.pages.push_back(page);
        ++sequence.keptPages;
    }
    sequence.computed = end;
    return true;
}

/// A page that begins like the next one saves its agreeing tokens: it is copied before the first
/// row is written.
void Scheduler::adoptSimilar(Sequence& sequence) {
    if (sequence.computed % kPageTokens != 0 || sequence.keptPages != sequence.pages.size())
        return;
    const auto last = static_cast<std::uint32_t>(sequence.tokens.size()) - 1;
    const PageId parent = sequence.pages.empty() ? kPaddingPage : sequence.pages.back();
    const auto rest =
        std::span<const TokenId>(sequence.tokens)
            .subspan(sequence.computed, std::min(kPageTokens, last - sequence.computed));
    std::uint32_t agreeing = 0;
    const PageId page = m_prefixes.findSimilar(sequence.root, parent, rest, agreeing);
    if (page == kPaddingPage || agreeing < kLeastSimilarTokens || agreeing == kPageTokens)
        return;
    m_cache.share(page);
    sequence.pages.push_back(page);
    sequence.computed += agreeing;
}

/// Pages it takes to join, beyond those that others use as well.
std::uint32_t Scheduler::pagesWanted(Sequence& sequence) {
    const auto length = static_cast<std::uint32_t>(sequence.tokens.size());
    std::uint32_t wanted = pagesFor(std::min(length + kPageTokens, m_model->context));
    if (!m_usesPrefixes)
        return wanted;
    hashPages(sequence, length / kPageTokens);
    PageId parent = kPaddingPage;
    for (std::uint32_t index = 0; index < sequence.hashes.size(); ++index) {
        parent = m_prefixes.find(sequence.root, parent, sequence.hashes[index],
                                 pageTokens(sequence, index));
        if (parent == kPaddingPage)
            break;
        wanted -= m_cache.isUsed(parent) ? 1 : 0;
    }
    return wanted;
}

void Scheduler::countCached(Sequence& sequence, std::uint32_t from) {
    RequestTimings& timings = sequence.timings;
    const std::uint32_t begin = std::max(from, timings.prefilledTokens);
    const std::uint32_t end = std::min(sequence.computed, sequence.promptTokens);
    if (end <= begin || sequence.sink == nullptr)
        return; // computed again after it gave way: no gain for the request
    timings.cachedTokens += end - begin;
    timings.prefilledTokens = end;
    m_totals.cachedTokensTotal += end - begin;
}

/// True when `other` is about to compute the page that comes next for `sequence`.
bool Scheduler::isComputedBy(const Sequence& other, const Sequence& sequence) const {
    const std::size_t index = sequence.computed / kPageTokens;
    return sequence.computed % kPageTokens == 0 && other.root.id == sequence.root.id &&
           other.computed / kPageTokens <= index && index < other.hashes.size() &&
           index < sequence.hashes.size() && other.hashes[index] == sequence.hashes[index];
}

/// False: a sequence of this batch computes what this one needs; it will be there at the next step.
bool Scheduler::readyToPrefill(Sequence& sequence, const std::vector<Part>& parts) {
    adoptPages(sequence);
    if (sequence.request.reproducible || !m_usesPrefixes)
        return true; // runs alone, or nobody shares
    return std::none_of(parts.begin(), parts.end(), [&](const Part& part) {
        return part.prefills && isComputedBy(*part.sequence, sequence);
    });
}

/// Leaves the pages that have become full to the prefix cache. A page that is known already is used
/// instead of the own one, so that the parent of a kept page is always in use.
void Scheduler::keepPages(Sequence& sequence) {
    if (!m_usesPrefixes)
        return;
    // What is sampled in flight has no hash yet.
    const auto known =
        std::min(sequence.computed, static_cast<std::uint32_t>(sequence.tokens.size()));
    std::uint32_t full = known / kPageTokens;
    if (sequence.request.reproducible) // only whole chunks: what follows was computed otherwise
        full = m_reproducibleRows % kPageTokens != 0
                   ? 0
                   : std::min(known, sequence.chunkedTokens) / m_reproducibleRows *
                         (m_reproducibleRows / kPageTokens);
    if (full <= sequence.keptPages)
        return;
    hashPages(sequence, full);
    for (std::uint32_t& index = sequence.keptPages; index < full; ++index) {
        const PageId parent = index == 0 ? kPaddingPage : sequence.pages[index - 1];
        const auto tokens = pageTokens(sequence, index);
        const PageId same = m_prefixes.find(sequence.root, parent, sequence.hashes[index], tokens);
        if (same == kPaddingPage) {
            m_prefixes.keep(sequence.root, parent, sequence.hashes[index], tokens,
                            sequence.pages[index]);
            continue;
        }
        m_cache.share(same);
        m_cache.giveBack(std::exchange(sequence.pages[index], same));
    }
}

} // namespace engine
