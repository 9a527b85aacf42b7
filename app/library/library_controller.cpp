#include "app/library/library_controller.h"

#include "app/messages.h"

#include <algorithm>
#include <QDir>
#include <QFileInfo>

namespace app {

namespace {

QString pathOf(const ModelCard& card, const ModelFile& file) {
    const QString folder = card.path.endsWith(QLatin1String(".gguf"), Qt::CaseInsensitive)
                               ? card.path.section(QLatin1Char('/'), 0, -2)
                               : card.path;
    return folder + QLatin1Char('/') + file.name;
}

} // namespace

LibraryController::LibraryController(Options options, QObject* parent)
    : QObject(parent),
      m_options(std::move(options)),
      m_file(m_options.choicesFile, kMostChoiceBytes),
      m_watch(m_options.watch) {
    connect(&m_file, &JsonFile::failed, this,
            [this](const engine::Status& status) { emit failed(sentence(status)); });
    connect(&m_watch, &LibraryWatch::scanned, this, &LibraryController::onScanned);
    connect(&m_watch, &LibraryWatch::scanStarted, this, [this] {
        m_isScanning = true;
        emit changed();
    });
    connect(&m_watch, &LibraryWatch::failed, this,
            [this](const engine::Status& status) { emit failed(sentence(status)); });
    connect(&m_hasher, &FileHasher::hashed, this, &LibraryController::onHashed);
    connect(&m_hasher, &FileHasher::progressed, this,
            [this](const QString& file, quint64 done, quint64 total) {
                for (const ModelCard& card : std::as_const(m_cards))
                    for (const ModelFile& each : card.files)
                        if (pathOf(card, each) == file)
                            emit hashProgressed(card.path, each.name, done, total);
            });
}

engine::Status LibraryController::start() {
    const engine::Result<QJsonObject> stored = m_file.read();
    if (stored.ok())
        m_choices = choicesFrom(*stored);
    scan();
    return stored.status();
}

const ModelCard* LibraryController::card(const QString& path) const {
    const auto found = std::find_if(m_cards.begin(), m_cards.end(),
                                    [&](const ModelCard& card) { return card.path == path; });
    return found == m_cards.end() ? nullptr : &*found;
}

ModelCard* LibraryController::find(const QString& path) {
    return const_cast<ModelCard*>(std::as_const(*this).card(path));
}

ModelDefaults LibraryController::defaultsOf(const QString& path) const {
    return m_choices.marks.value(path).defaults;
}

void LibraryController::scan() {
    QList<LibraryRoot> roots{{m_options.ownFolder, true, false}};
    for (const QString& folder : std::as_const(m_choices.folders))
        roots.append({folder, false, false});
    if (!m_options.builtInFolder.isEmpty())
        roots.append({m_options.builtInFolder, false, true});
    m_isScanning = true;
    m_watch.scan(roots, marked());
}

QStringList LibraryController::marked() const {
    return m_choices.marks.keys();
}

void LibraryController::rescan() {
    scan();
    emit changed();
}

void LibraryController::onScanned(const LibraryScan& scan) {
    m_isScanning = false;
    const QList<ModelCard> before = std::exchange(m_cards, scan.finds.cards);
    for (const ModelCard& card : before)
        keepHashes(card); // those that came while the scan was under way
    m_rejected = scan.finds.rejected;
    m_folders = scan.folders;
    for (ModelCard& card : m_cards)
        card.marks = m_choices.marks.value(card.path);
    sortCards();
    emit changed();
}

void LibraryController::keepHashes(const ModelCard& before) {
    ModelCard* now = find(before.path);
    if (now == nullptr)
        return;
    for (const ModelFile& old : before.files)
        for (ModelFile& file : now->files)
            if (file.sha256.isEmpty() && file.isSameAs(old))
                file.sha256 = old.sha256;
}

void LibraryController::sortCards() {
    std::stable_sort(m_cards.begin(), m_cards.end(), [](const ModelCard& a, const ModelCard& b) {
        if (a.marks.isFavourite != b.marks.isFavourite)
            return a.marks.isFavourite;
        return a.name.compare(b.name, Qt::CaseInsensitive) < 0;
    });
}

void LibraryController::addFolder(const QString& path) {
    const QString folder = QDir::cleanPath(QFileInfo(path).absoluteFilePath());
    if (folder == m_options.ownFolder || m_choices.folders.contains(folder))
        return;
    m_choices.folders.append(folder);
    write();
    rescan();
}

void LibraryController::removeFolder(const QString& path) {
    if (m_choices.folders.removeAll(path) == 0)
        return;
    write();
    rescan();
}

template<typename Change>
void LibraryController::mark(const QString& path, Change change) {
    ModelMarks marks = m_choices.marks.value(path);
    change(marks);
    if (marks.isEmpty())
        m_choices.marks.remove(path);
    else
        m_choices.marks.insert(path, marks);
    if (ModelCard* card = find(path))
        card->marks = marks;
    write();
    m_watch.setMarked(marked());
    emit cardChanged(path);
}

void LibraryController::setFavourite(const QString& path, bool isFavourite) {
    mark(path, [&](ModelMarks& marks) { marks.isFavourite = isFavourite; });
    sortCards();
    emit changed();
}

void LibraryController::setNote(const QString& path, const QString& note) {
    mark(path, [&](ModelMarks& marks) { marks.note = note; });
}

void LibraryController::setDefaults(const QString& path, const ModelDefaults& defaults) {
    if (defaultsOf(path) == defaults)
        return;
    mark(path, [&](ModelMarks& marks) { marks.defaults = defaults; });
}

void LibraryController::forget(const QString& path) {
    const ModelCard* known = card(path);
    if (known == nullptr || !known->isAway)
        return;
    m_choices.marks.remove(path);
    m_watch.setMarked(marked());
    m_cards.removeIf([&](const ModelCard& card) { return card.path == path; });
    write();
    m_watch.forget(path);
    emit changed();
}

void LibraryController::computeHashes(const QString& path) {
    const ModelCard* known = card(path);
    if (known == nullptr || known->isAway)
        return;
    for (const ModelFile& file : known->files)
        if (file.sha256.isEmpty())
            m_hasher.hash(pathOf(*known, file));
    if (isHashing(*known))
        emit cardChanged(path);
}

bool LibraryController::isHashing(const ModelCard& card) const {
    return std::any_of(card.files.begin(), card.files.end(),
                       [&](const ModelFile& file) { return m_hasher.isAsked(pathOf(card, file)); });
}

void LibraryController::onHashed(const QString& file, const QString& sha256) {
    QStringList changed;
    for (ModelCard& card : m_cards)
        for (ModelFile& each : card.files)
            if (pathOf(card, each) == file) {
                each.sha256 = sha256;
                if (!sha256.isEmpty())
                    m_watch.keepHash(card.path, each.name, sha256);
                changed.append(card.path);
            }
    for (const QString& path : std::as_const(changed))
        emit cardChanged(path);
}

void LibraryController::write() {
    m_file.write(toJson(m_choices));
}

} // namespace app
