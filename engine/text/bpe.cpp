#include "engine/text/bpe.h"

#include <algorithm>
#include <array>
#include <bit>

namespace engine {

namespace {

constexpr std::size_t kShortPiece = 48; // symbols; above it the heap is faster than scanning
constexpr std::uint32_t kNoIndex = ~0U;
constexpr std::uint32_t kNoRank = ~0U;

std::uint64_t pairKey(TokenId left, TokenId right) {
    return (static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32) |
           static_cast<std::uint32_t>(right);
}

} // namespace

BpeRules::BpeRules(std::size_t expected) {
    const std::size_t slots = std::bit_ceil(std::max<std::size_t>(16, expected + expected / 2));
    m_slots.resize(slots);
    m_shift = 64 - std::countr_zero(slots);
}

std::size_t BpeRules::slotOf(std::uint64_t pair) const {
    // Fibonacci hashing: the high bits of the product are the well-mixed ones.
    std::size_t slot = (pair * 0x9E3779B97F4A7C15ULL) >> m_shift;
    while (m_slots[slot].pair != kEmpty && m_slots[slot].pair != pair)
        slot = (slot + 1) & (m_slots.size() - 1);
    return slot;
}

void BpeRules::grow() {
    std::vector<Slot> old(m_slots.size() * 2);
    old.swap(m_slots);
    --m_shift;
    for (const Slot& slot : old)
        if (slot.pair != kEmpty)
            m_slots[slotOf(slot.pair)] = slot;
}

void BpeRules::insert(TokenId left, TokenId right, BpeRule rule) {
    if ((m_size + 1) * 4 > m_slots.size() * 3)
        grow();
    Slot& slot = m_slots[slotOf(pairKey(left, right))];
    if (slot.pair == kEmpty) {
        slot.pair = pairKey(left, right);
        slot.rule = rule;
        ++m_size;
    } else if (rule.rank < slot.rule.rank) {
        slot.rule = rule;
    }
}

const BpeRule* BpeRules::find(TokenId left, TokenId right) const {
    if (left < 0 || right < 0)
        return nullptr;
    const Slot& slot = m_slots[slotOf(pairKey(left, right))];
    return slot.pair == kEmpty ? nullptr : &slot.rule;
}

void BpeMerger::merge(std::vector<BpeSymbol>& symbols) {
    if (symbols.size() < 2 || m_rules.size() == 0)
        return;
    if (symbols.size() <= kShortPiece)
        mergeShort(symbols);
    else
        mergeLong(symbols);
}

void BpeMerger::mergeShort(std::vector<BpeSymbol>& symbols) {
    std::array<BpeRule, kShortPiece> rules; // rules[i]: what symbols i and i + 1 become
    const auto look = [&](std::size_t i) {
        const BpeRule* rule = m_rules.find(symbols[i].id, symbols[i + 1].id);
        rules[i] = rule != nullptr ? *rule : BpeRule{kNoRank, kNoToken};
    };
    std::size_t count = symbols.size();
    for (std::size_t i = 0; i + 1 < count; ++i)
        look(i);
    while (count > 1) {
        std::size_t best = 0;
        for (std::size_t i = 1; i + 1 < count; ++i)
            if (rules[i].rank < rules[best].rank)
                best = i;
        if (rules[best].result == kNoToken)
            break;
        symbols[best].id = rules[best].result;
        for (std::size_t i = best + 1; i + 1 < count; ++i) {
            symbols[i] = symbols[i + 1];
            rules[i - 1] = rules[i];
        }
        --count;
        if (best > 0)
            look(best - 1);
        if (best + 1 < count)
            look(best);
    }
    symbols.resize(count);
}

void BpeMerger::propose(const std::vector<BpeSymbol>& symbols, std::uint32_t left,
                        std::uint32_t right) {
    if (left == kNoIndex || right == kNoIndex)
        return;
    const BpeRule* rule = m_rules.find(symbols[left].id, symbols[right].id);
    if (rule == nullptr)
        return;
    m_heap.push_back({rule->rank, left, symbols[left].id, symbols[right].id, rule->result});
}

void BpeMerger::mergeLong(std::vector<BpeSymbol>& symbols) {
    const auto count = static_cast<std::uint32_t>(symbols.size());
    const auto later = [](const Candidate& a, const Candidate& b) {
        return a.rank != b.rank ? a.rank > b.rank : a.left > b.left;
    };
    m_heap.clear();
    m_next.resize(count);
    m_previous.resize(count);
    for (std::uint32_t i = 0; i < count; ++i) {
        m_next[i] = i + 1 < count ? i + 1 : kNoIndex;
        m_previous[i] = i > 0 ? i - 1 : kNoIndex;
        propose(symbols, m_previous[i], i);
    }
    std::make_heap(m_heap.begin(), m_heap.end(), later);
    std::vector<bool> gone(count, false);
    while (!m_heap.empty()) {
        std::pop_heap(m_heap.begin(), m_heap.end(), later);
        const Candidate candidate = m_heap.back();
        m_heap.pop_back();
        const std::uint32_t left = candidate.left;
        const std::uint32_t right = gone[left] ? kNoIndex : m_next[left];
        // A proposal is stale when one of its symbols has merged with another neighbour since.
        if (right == kNoIndex || symbols[left].id != candidate.leftId ||
            symbols[right].id != candidate.rightId)
            continue;
        symbols[left].id = candidate.result;
        gone[right] = true;
        m_next[left] = m_next[right];
        if (m_next[right] != kNoIndex)
            m_previous[m_next[right]] = left;
        for (const auto& [a, b] :
             {std::pair(m_previous[left], left), std::pair(left, m_next[left])}) {
            const std::size_t before = m_heap.size();
            propose(symbols, a, b);
            if (m_heap.size() > before)
                std::push_heap(m_heap.begin(), m_heap.end(), later);
        }
    }
    std::uint32_t kept = 0;
    for (std::uint32_t i = 0; i < count; ++i)
        if (!gone[i])
            symbols[kept++] = symbols[i];
    symbols.resize(kept);
}

} // namespace engine
