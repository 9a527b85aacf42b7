#include "app/load_guard.h"

#include <QFile>

namespace app {

QString LoadGuard::takeCrashedModel() {
    QFile mark(m_file);
    if (!mark.open(QIODevice::ReadOnly))
        return {};
    const QString model = QString::fromUtf8(mark.read(4096)).trimmed();
    mark.close();
    mark.remove();
    return model.isEmpty() ? QStringLiteral("?") : model;
}

void LoadGuard::begin(const QString& model) {
    QFile mark(m_file);
    if (mark.open(QIODevice::WriteOnly))
        mark.write(model.toUtf8());
}

void LoadGuard::end() {
    QFile::remove(m_file);
}

} // namespace app
