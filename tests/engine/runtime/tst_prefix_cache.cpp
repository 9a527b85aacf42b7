#include "engine/runtime/prefix_cache.h"
#include "tests/support/suite_registry.h"

#include <algorithm>
#include <map>
#include <QtTest/QtTest>
#include <random>
#include <set>

using namespace engine;

namespace {

using Tokens = std::vector<TokenId>;

/// A text of whole pages, and what a sequence does with the cache.
struct Text {
    Tokens tokens;
    std::vector<PageId> pages;
};

struct Bench {
    explicit Bench(std::uint32_t pageCount) : cache(pageCount), prefixes(cache, pageCount, "m") {}

    std::span<const TokenId> page(const Text& text, std::size_t index) const {
        return std::span(text.tokens).subspan(index * kPageTokens, kPageTokens);
    }
    /// Takes over what is known; the number of pages.
    std::size_t adopt(const PrefixRoot& root, Text& text) {
        PageHash hash = root.hash;
        PageId parent = kPaddingPage;
        for (std::size_t i = 0; i < text.tokens.size() / kPageTokens; ++i) {
            hash = hashPage(hash, page(text, i));
            parent = prefixes.find(root, parent, hash, page(text, i));
            if (parent == kPaddingPage)
                break;
            cache.share(parent);
            text.pages.push_back(parent);
        }
        return text.pages.size();
    }
    /// Computes the rest and keeps it; false when the pages run out.
    bool compute(const PrefixRoot& root, Text& text) {
        std::size_t known = text.pages.size();
        if (!cache.grow(text.pages, static_cast<std::uint32_t>(text.tokens.size())))
            return false;
        PageHash hash = root.hash;
        for (std::size_t i = 0; i < text.tokens.size() / kPageTokens; ++i) {
            hash = hashPage(hash, page(text, i));
            if (i >= known)
                prefixes.keep(root, i == 0 ? kPaddingPage : text.pages[i - 1], hash, page(text, i),
                              text.pages[i]);
        }
        return true;
    }

    KvCache cache;
    PrefixCache prefixes;
};

Text textOf(std::initializer_list<int> pages) {
    Text text;
    for (const int page : pages)
        for (std::uint32_t i = 0; i < kPageTokens; ++i)
            text.tokens.push_back(page * 100 + int(i));
    return text;
}

} // namespace

class TstPrefixCache : public QObject {
    Q_OBJECT

  private slots:
    void findsABeginning() {
        Bench bench(20);
        const PrefixRoot root = bench.prefixes.root("desktop", false);
        Text first = textOf({1, 2, 3});
        QVERIFY(bench.compute(root, first));
        Text second = textOf({1, 2, 4});
        QCOMPARE(bench.adopt(root, second), std::size_t(2)); // while the first one still runs
        QCOMPARE(second.pages[1], first.pages[1]);
        bench.cache.release(first.pages);
        bench.cache.release(second.pages);
        QCOMPARE(bench.cache.usedPages(), 0U);
        QCOMPARE(bench.cache.cachedPages(), 3U);
        Text third = textOf({1, 2, 3, 9});
        QCOMPARE(bench.adopt(root, third), std::size_t(3));
        Text other = textOf({2, 3});
        QCOMPARE(bench.adopt(root, other), std::size_t(0)); // the same page behind another parent
    }

    void keepsClientsAndKindsApart() {
        Bench bench(20);
        Text text = textOf({1, 2});
        QVERIFY(bench.compute(bench.prefixes.root("a", false), text));
        Text same = textOf({1, 2});
        QCOMPARE(bench.adopt(bench.prefixes.root("b", false), same), std::size_t(0));
        QCOMPARE(bench.adopt(bench.prefixes.root("a", true), same), std::size_t(0));
        QCOMPARE(bench.adopt(bench.prefixes.root("a", false), same), std::size_t(2));
        QVERIFY(bench.prefixes.root("a", false).id == bench.prefixes.root("a", false).id);
    }

    /// A second text of the same hash: not found, whatever the hash says.
    void aCollisionIsAMiss() {
        Bench bench(20);
        const PrefixRoot root = bench.prefixes.root("a", false);
        Text text = textOf({1});
        QVERIFY(bench.compute(root, text));
        const PageHash hash = hashPage(root.hash, bench.page(text, 0));
        Text other = textOf({1});
        other.tokens[31] = 7;
        QCOMPARE(bench.prefixes.find(root, kPaddingPage, hash, bench.page(other, 0)), kPaddingPage);
        QCOMPARE(bench.prefixes.find(root, kPaddingPage, hash, bench.page(text, 0)), text.pages[0]);
        QCOMPARE(bench.prefixes.find(root, 5, hash, bench.page(text, 0)), kPaddingPage);
        PrefixRoot stranger = bench.prefixes.root("b", false);
        QCOMPARE(bench.prefixes.find(stranger, kPaddingPage, hash, bench.page(text, 0)),
                 kPaddingPage);
    }

    void hashesDifferInEveryToken() {
        std::map<std::pair<std::uint64_t, std::uint64_t>, int> seen;
        Tokens tokens(kPageTokens, 5);
        const auto add = [&](const PageHash& parent) {
            const PageHash hash = hashPage(parent, tokens);
            ++seen[{hash.low, hash.high}];
        };
        add({});
        for (std::size_t i = 0; i < kPageTokens; ++i) {
            for (const TokenId other : {4, 6, 5 + 65536}) {
                tokens[i] = other;
                add({});
            }
            tokens[i] = 5;
        }
        add({1, 0});
        add({0, 1});
        QCOMPARE(seen.size(), std::size_t(1 + 3 * kPageTokens + 2));
        std::set<std::uint64_t> low; // each half alone tells them apart too
        std::set<std::uint64_t> high;
        for (const auto& [hash, count] : seen) {
            low.insert(hash.first);
            high.insert(hash.second);
        }
        QCOMPARE(low.size(), seen.size());
        QCOMPARE(high.size(), seen.size());
    }

    void evictsTheOldestEndFirst() {
        Bench bench(7); // six pages
        const PrefixRoot root = bench.prefixes.root("a", false);
        Text old = textOf({1, 2, 3});
        QVERIFY(bench.compute(root, old));
        bench.cache.release(old.pages);
        Text young = textOf({5, 6});
        QVERIFY(bench.compute(root, young));
        bench.cache.release(young.pages);
        Text needs = textOf({7, 8});
        QVERIFY(bench.compute(root, needs)); // one was free, one is evicted
        QCOMPARE(bench.cache.evictions(), std::uint64_t(1));
        Text again = textOf({1, 2, 3});
        QCOMPARE(bench.adopt(root, again), std::size_t(2)); // its end went
        Text same = textOf({5, 6});
        QCOMPARE(bench.adopt(root, same), std::size_t(2));
        // What is in use is never evicted.
        Text tooMuch = textOf({11});
        QVERIFY(!bench.compute(root, tooMuch));
        QCOMPARE(again.pages.size() + same.pages.size() + needs.pages.size(), std::size_t(6));
    }

    void findsASimilarPage() {
        Bench bench(20);
        const PrefixRoot root = bench.prefixes.root("a", false);
        Text text = textOf({1, 2});
        QVERIFY(bench.compute(root, text));
        Text other = textOf({1, 2});
        other.tokens[kPageTokens + 20] = 7;
        std::uint32_t agreeing = 0;
        QCOMPARE(bench.prefixes.findSimilar(root, text.pages[0], bench.page(other, 1), agreeing),
                 text.pages[1]);
        QCOMPARE(agreeing, 20U);
        const PrefixRoot stranger = bench.prefixes.root("b", false);
        QCOMPARE(
            bench.prefixes.findSimilar(stranger, text.pages[0], bench.page(other, 1), agreeing),
            kPaddingPage);
    }

    /// Random texts of a tree come and go over few pages: what is found always has the right text,
    /// and no page is lost.
    void survivesRandomTraffic() {
        constexpr std::uint32_t kPages = 60;
        Bench bench(kPages + 1);
        std::mt19937 random(11);
        std::map<PageId, Tokens> content; // what each page was computed from: the whole prefix
        std::vector<std::pair<PrefixRoot, Text>> running;
        std::size_t adopted = 0;
        for (int round = 0; round < 20'000; ++round) {
            if (running.size() > 5 || (random() % 2 == 0 && !running.empty())) {
                const std::size_t at = random() % running.size();
                bench.cache.release(running[at].second.pages);
                running.erase(running.begin() + std::ptrdiff_t(at));
                continue;
            }
            Text text;
            const int pages = 1 + int(random() % 8);
            for (int i = 0; i < pages; ++i)
                text.tokens.insert(text.tokens.end(), kPageTokens, TokenId(random() % 3));
            const PrefixRoot root = bench.prefixes.root(random() % 4 == 0 ? "b" : "a", false);
            const std::size_t known = bench.adopt(root, text);
            adopted += known;
            const auto prefix = [&](std::size_t page) {
                Tokens tokens(text.tokens.begin(),
                              text.tokens.begin() + std::ptrdiff_t((page + 1) * kPageTokens));
                tokens.push_back(TokenId(root.id));
                return tokens;
            };
            for (std::size_t i = 0; i < known; ++i)
                QVERIFY(content[text.pages[i]] == prefix(i));
            if (!bench.compute(root, text)) {
                bench.cache.release(text.pages);
                continue;
            }
            for (std::size_t i = known; i < text.pages.size(); ++i)
                content[text.pages[i]] = prefix(i);
            running.emplace_back(root, std::move(text));
        }
        QVERIFY(adopted > 1000);
        QVERIFY(bench.cache.evictions() > 1000);
        for (auto& [root, text] : running)
            bench.cache.release(text.pages);
        QCOMPARE(bench.cache.usedPages(), 0U);
        QCOMPARE(bench.cache.freePages(), kPages);
        std::vector<PageId> all;
        QVERIFY(bench.cache.grow(all, kPages * kPageTokens)); // all can be had
        std::sort(all.begin(), all.end());
        QVERIFY(std::adjacent_find(all.begin(), all.end()) == all.end());
    }
};

INGLENOOK_SUITE(prefix_cache, TstPrefixCache)
#include "tst_prefix_cache.moc"
