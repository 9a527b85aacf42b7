#include "app/library/library_scan.h"

#include "app/library/card_reader.h"

#include <algorithm>
#include <QHash>
#include <QSet>

namespace app {

namespace {

class Scan {
  public:
    Scan(const LibraryFinds& known, const QStringList& marked, const std::atomic<bool>& stop)
        : m_marked(marked.begin(), marked.end()), m_stop(stop) {
        for (const ModelCard& card : known.cards)
            m_cards.insert(card.path, card);
        for (const RejectedModel& rejected : known.rejected)
            m_rejected.insert(rejected.path, rejected);
    }

    void look(const LibraryRoot& root) {
        const ModelWalk walk = walkModels(root.path, m_stop);
        LibraryFolder folder{root.path, root.isOwn, false, walk.isReadOnly, 0};
        for (const ModelCandidate& candidate : walk.candidates)
            if (!m_stop && !m_seen.contains(candidate.path)) // folders may lie in one another
                take(candidate, root);
        // Where a disk is not mounted there is no folder, or an empty one.
        folder.isAway = !root.isOwn && !root.isBuiltIn &&
                        (!walk.isThere || (walk.isEmpty && knowsModelsOf(root.path)));
        keepAway(root.path, folder.isAway);
        m_result.directories += walk.directories;
        folder.models =
            int(std::count_if(m_result.finds.cards.begin(), m_result.finds.cards.end(),
                              [&](const ModelCard& card) { return card.root == root.path; }));
        if (!root.isBuiltIn)
            m_result.folders.append(folder);
    }

    LibraryScan take() { return std::move(m_result); }

  private:
    void take(const ModelCandidate& candidate, const LibraryRoot& root) {
        m_seen.insert(candidate.path);
        if (const auto card = m_cards.constFind(candidate.path);
            card != m_cards.constEnd() && areSame(card->files, candidate.files)) {
            add(*card, root);
            return;
        }
        if (const auto rejected = m_rejected.constFind(candidate.path);
            rejected != m_rejected.constEnd() && areSame(rejected->files, candidate.files)) {
            m_result.finds.rejected.append(*rejected);
            m_result.finds.rejected.last().root = root.path;
            m_result.finds.rejected.last().isAway = false;
            return;
        }
        const engine::Result<ModelCard> card = readCard(candidate);
        if (card.ok()) {
            add(*card, root);
        } else {
            RejectedModel rejected;
            rejected.path = candidate.path;
            rejected.root = root.path;
            rejected.files = candidate.files;
            rejected.reason = card.status();
            m_result.finds.rejected.append(rejected);
        }
        ++m_result.opened;
    }

    void add(ModelCard card, const LibraryRoot& root) {
        card.root = root.path;
        card.isAway = false;
        card.isBuiltIn = root.isBuiltIn;
        m_result.finds.cards.append(card);
    }

    bool knowsModelsOf(const QString& root) const {
        return std::any_of(m_cards.begin(), m_cards.end(),
                           [&](const ModelCard& card) { return card.root == root; });
    }

    /// What was there at the last look and is not now: on an unplugged disk all of it, else what
    /// its owner has marked.
    void keepAway(const QString& root, bool isUnplugged) {
        for (const ModelCard& card : std::as_const(m_cards)) {
            if (card.root != root || m_seen.contains(card.path) ||
                !(isUnplugged || m_marked.contains(card.path)))
                continue;
            m_seen.insert(card.path);
            m_result.finds.cards.append(card);
            m_result.finds.cards.last().isAway = true;
        }
        if (!isUnplugged)
            return;
        for (const RejectedModel& rejected : std::as_const(m_rejected))
            if (rejected.root == root && !m_seen.contains(rejected.path)) {
                m_result.finds.rejected.append(rejected);
                m_result.finds.rejected.last().isAway = true;
            }
    }

    QHash<QString, ModelCard> m_cards; // by path
    QHash<QString, RejectedModel> m_rejected;
    QSet<QString> m_marked;
    QSet<QString> m_seen;
    const std::atomic<bool>& m_stop;
    LibraryScan m_result;
};

} // namespace

LibraryScan scanLibrary(const QList<LibraryRoot>& roots, const LibraryFinds& known,
                        const QStringList& marked, const std::atomic<bool>& stop) {
    Scan scan(known, marked, stop);
    for (const LibraryRoot& root : roots)
        scan.look(root);
    return scan.take();
}

} // namespace app
